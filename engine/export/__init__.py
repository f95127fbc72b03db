# SPDX-License-Identifier: Apache-2.0
"""Writing deliverable weights and proving that they equal what was trained (torch)."""
