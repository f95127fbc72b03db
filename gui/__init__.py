# SPDX-License-Identifier: Apache-2.0
"""The window of Burnish, made of Qt widgets."""
