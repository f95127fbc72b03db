# SPDX-License-Identifier: Apache-2.0
"""Burnish's engine: a Qt-free library that imports data, trains, and exports; one facade, `engine.api`."""
