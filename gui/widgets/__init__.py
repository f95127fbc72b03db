# SPDX-License-Identifier: Apache-2.0
"""Reusable widgets that know nothing of the engine: setters in, signals out.

The package stays empty so that the first paint loads only what it shows.
"""
