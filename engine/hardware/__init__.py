# SPDX-License-Identifier: Apache-2.0
"""What this computer has, and what a run will need of it."""
