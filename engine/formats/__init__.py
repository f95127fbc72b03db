# SPDX-License-Identifier: Apache-2.0
"""Dataset file formats, one file each, behind one registry that decides by content."""
