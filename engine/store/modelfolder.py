# SPDX-License-Identifier: Apache-2.0
"""A base model in the Hugging Face form, as it lies in a local folder: inspected, never run.

Everything here reads only. Nothing of the folder is executed, and no machine-learning library is
needed; whatever a library may see later has passed these checks first.
"""

from __future__ import annotations

import hashlib
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import Any

from engine.domain.model import ModelInfo
from engine.errors import FileMissing, ModelInvalid
from engine.store.modelfolder_config import (
    CONFIG,
    expected_shapes,
    ignored_keys,
    safe_config,
    shape_of,
)
from engine.store.modelfolder_packed import read_weights
from engine.store.modelfolder_tokenizer import (
    GENERATION_CONFIG,
    SPECIAL_TOKENS_MAP,
    TEMPLATE,
    TOKENIZER,
    TOKENIZER_CONFIG,
    chat_template,
    check_tokenizer,
    end_of_turn,
    eos_ids,
    special_tokens,
    tokenizer_path,
)
from engine.store.modelfolder_weights import (
    TensorHeader,
    check_shapes,
    header_bytes,
    main_dtype,
    read_headers,
    unsafe_files,
    weight_files,
)
from engine.store.weights_sample import weights_sample

__all__ = [
    "TensorHeader",
    "chat_template",
    "check_tokenizer",
    "eos_ids",
    "fingerprint",
    "inspect_model",
    "read_headers",
    "read_weights",
    "safe_config",
    "special_tokens",
    "tokenizer_path",
]

_CARD, _CARD_LIMIT_BYTES = "README.md", 65_536
_BLOCK_BYTES = 1 << 20


def inspect_model(
    path: Path, *, model_id: str, name: str, added_at: str, bundled: bool = False
) -> ModelInfo:
    """Check a model folder and return what is known of it.

    Args:
        path: The folder; it is not changed.
        model_id: Id in the workspace.
        name: Name for people.
        added_at: UTC, ISO 8601.
        bundled: It came with Burnish.

    Raises:
        FileMissing: The folder, config.json or a weight file is not there.
        ModelInvalid: Something in it is not sound; the message names the file and the key.
        UnsafeWeights: The weights are in a form that can run code.
        RemoteCodeRefused: The model asks for program code.
        ArchitectureUnsupported: The architecture is not trained, or the model is quantised.
        TokenizerInvalid: tokenizer.json is missing or not sound.
        TemplateInvalid: The chat template is not text.
    """
    _check_folder(path)
    config = safe_config(path)
    headers = read_weights(path)
    expected = expected_shapes(config)
    check_shapes(headers, expected)
    check_tokenizer(path, vocabulary=config["vocab_size"])
    files = weight_files(path)
    used = {key: header for key, header in headers.items() if key in expected}
    return ModelInfo(
        id=model_id,
        name=name,
        path=str(path.absolute()),
        architecture=config["architectures"][0],
        model_type=config["model_type"],
        parameters=sum(one.size for one in used.values()),
        shape=shape_of(config),
        weights_dtype=main_dtype(used),
        size_bytes=sum((path / one).stat().st_size for one in files),
        context_tokens=config["max_position_embeddings"],
        licence=licence(path),
        has_chat_template=chat_template(path) is not None,
        end_of_turn=end_of_turn(path, config),
        fingerprint=fingerprint(path),
        weights=weights_sample(path, files),
        files=files,
        added_at=added_at,
        bundled=bundled,
        notes=_notes(path, config, headers, len(headers) - len(used)),
    )


def _check_folder(path: Path) -> None:
    if not path.exists():
        raise FileMissing(_("There is no folder {path}.").format(path=path))
    if not path.is_dir():
        raise ModelInvalid(_("{path} is a file, not a model folder.").format(path=path))


def _notes(
    path: Path, config: dict[str, Any], headers: dict[str, TensorHeader], unused: int
) -> tuple[str, ...]:
    found: list[str] = []
    ignored, unsafe = ignored_keys(path), unsafe_files(path)
    programs = sorted(one.name for one in path.glob("*.py"))
    if ignored:
        found.append(
            _("Burnish does not use these entries of config.json: {keys}.").format(
                keys=", ".join(one[:60] for one in ignored[:8])
            )
        )
    if unsafe or programs:
        found.append(
            _("These files can run code and are never opened: {names}.").format(
                names=", ".join((*unsafe, *programs)[:8])
            )
        )
    if config["tie_word_embeddings"] and "lm_head.weight" in headers:
        found.append(_("The output head shares the embedding, so lm_head.weight is not used."))
        unused -= 1
    if unused > 0:
        found.append(
            ngettext(
                "The files hold {count} tensor that this architecture does not use.",
                "The files hold {count} tensors that this architecture does not use.",
                unused,
            ).format(count=unused)
        )
    if any(one.parts for one in headers.values()):
        found.append(
            _(
                "Its linear weights are in 4 bits already (NF4) and are used as they are. "
                "An adapter can be exported, but not merged into them."
            )
        )
    if chat_template(path) is None:
        found.append(_("It has no chat template: it can learn from text, not conversations."))
    return tuple(found)


def fingerprint(path: Path) -> str:
    """Return a SHA-256 over config, tokenizer, template and safetensors headers of a folder.

    It changes when one of these files does; the tensors themselves are not read.

    Raises:
        FileMissing: A file that the weight index names is not there.
        ModelInvalid: The weight index is not sound.
    """
    digest = hashlib.sha256()
    names = [CONFIG, GENERATION_CONFIG, TOKENIZER, TOKENIZER_CONFIG, TEMPLATE]
    if (path / SPECIAL_TOKENS_MAP).is_file():  # of a folder without it the hash stays as it was
        names.append(SPECIAL_TOKENS_MAP)
    for name in names:
        digest.update(f"{name}\0".encode())
        if (path / name).is_file():
            with (path / name).open("rb") as stream:
                while block := stream.read(_BLOCK_BYTES):
                    digest.update(block)
        digest.update(b"\0")
    for block in header_bytes(path):
        digest.update(block)
    return digest.hexdigest()


def licence(path: Path) -> str:
    """Return the licence that the model card states, or the name of a licence file, or nothing."""
    stated = _card_entry(path / _CARD, "license_name") or _card_entry(path / _CARD, "license")
    if stated:
        return stated
    names = sorted(one.name for one in path.iterdir() if one.stem.upper() in ("LICENSE", "LICENCE"))
    return _("see {file}").format(file=names[0]) if names else ""


def _card_entry(card: Path, key: str) -> str:
    """Return a value from the front matter of a model card: the first `key:` line or list item."""
    if not card.is_file():
        return ""
    with card.open("rb") as stream:
        lines = stream.read(_CARD_LIMIT_BYTES).decode("utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != "---":
        return ""
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == "---":
            break
        if line.startswith(f"{key}:"):
            value = line.partition(":")[2].strip()
            following = lines[number + 1].strip() if number + 1 < len(lines) else ""
            if not value and following.startswith("- "):
                value = following[2:]
            return value.strip("\"' ")[:80]
    return ""
