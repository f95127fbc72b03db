# SPDX-License-Identifier: Apache-2.0
"""The trainer: loading, packing, loss, loop and checkpoints (torch)."""
