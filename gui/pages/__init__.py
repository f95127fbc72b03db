# SPDX-License-Identifier: Apache-2.0
"""The pages of the window: one module or folder each; they never import each other."""
