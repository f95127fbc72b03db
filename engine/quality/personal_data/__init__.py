# SPDX-License-Identifier: Apache-2.0
"""Personal data and secrets in texts: found by rule and checksum, masked in their own shape.

Nothing here guesses with a model. What has a checksum is certain; a class that rests on its form
or on a word beside it says so in the text of its check.
"""
