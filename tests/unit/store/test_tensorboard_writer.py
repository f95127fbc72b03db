# SPDX-License-Identifier: Apache-2.0
"""The bytes of TensorBoard's event files. What is held here was read back by TensorBoard 2.21."""

from __future__ import annotations

from math import nan

from engine.store.tensorboard_writer import crc32c, figures, file_start, text

START = "1800000000000000a37f4b22090000002009c9d9411a0d627261696e2e4576656e743a321082e917"
FIGURES = (
    "3500000000000000d6c55de6090000102309c9d94110ac022a270a110a0a747261696e2f6c6f7373150000c03f0a12"
    "0a0b747261696e2f6c6561726e150000c07fde323c7f"
)
TEXT = (
    "3c00000000000000c8b7a352090000002009c9d94110002a2f0a2d0a137265636970652f746578745f73756d6d6172"
    "79420c0807120412020801420268694a080a060a04746578740dc9ae81"
)


def test_check_sum_is_castagnolis() -> None:
    # The check values of RFC 3720, appendix B.4, and of the catalogue of parametrised CRCs.
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(b"") == 0


def test_first_record_names_the_form_of_the_file() -> None:
    assert file_start(wall_s=1_730_421_888.0).hex() == START


def test_figures_are_one_record_of_a_step() -> None:
    values = {"train/loss": 1.5, "train/learn": nan}
    assert figures(values, step=300, wall_s=1_730_421_900.25).hex() == FIGURES


def test_text_is_a_record_of_the_text_plugin() -> None:
    found = text("hi", tag="recipe/text_summary", wall_s=1_730_421_888.0)
    assert found.hex() == TEXT
