# SPDX-License-Identifier: Apache-2.0
"""The facade: the only part of the engine that windows and scripts call."""
