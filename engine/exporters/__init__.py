# SPDX-License-Identifier: Apache-2.0
"""Specifications of the export targets; their torch code lives in engine.export."""
