# SPDX-License-Identifier: Apache-2.0
"""Frozen value types and pure rules; knows nothing of disks, processes, Qt or torch."""
