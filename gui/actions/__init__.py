# SPDX-License-Identifier: Apache-2.0
"""One function per thing that a person wants done."""
