# SPDX-License-Identifier: Apache-2.0
"""What hinders training on a computer: rules over facts that were read before, one by one."""
