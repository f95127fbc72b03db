# SPDX-License-Identifier: Apache-2.0
"""Specifications of the training methods; their torch code lives in engine.train."""
