# SPDX-License-Identifier: Apache-2.0
"""The wire between worker and clients: events, commands and their codec (see PROTOCOL.md)."""
