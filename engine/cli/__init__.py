# SPDX-License-Identifier: Apache-2.0
"""The command line, a second client of the facade."""
