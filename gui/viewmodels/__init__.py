# SPDX-License-Identifier: Apache-2.0
"""What each page shows, as plain values without Qt: texts and enablement are decided here."""
