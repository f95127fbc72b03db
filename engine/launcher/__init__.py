# SPDX-License-Identifier: Apache-2.0
"""Starting a detached worker, telling whether it lives, and following what it writes."""
