# SPDX-License-Identifier: Apache-2.0
"""Between the engine and the window: the only QObjects that hold the facade."""
