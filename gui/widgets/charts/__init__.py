# SPDX-License-Identifier: Apache-2.0
"""Charts, painted with Qt. Import them after the first paint: they bring numpy with them."""
