# SPDX-License-Identifier: Apache-2.0
"""The engine: a Qt-free library that imports data, trains and exports; the facade is engine.api."""
