# SPDX-License-Identifier: Apache-2.0
"""Everything durable: atomic writes, the workspace layout, the event log, documents."""
