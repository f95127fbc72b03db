# SPDX-License-Identifier: Apache-2.0
"""Chat templates, tokenising and the loss mask; the same code serves preview and trainer."""
