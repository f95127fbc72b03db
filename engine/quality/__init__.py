# SPDX-License-Identifier: Apache-2.0
"""What may be wrong with rows: checks that look at batches of them, and fixes for one row."""
