# SPDX-License-Identifier: Apache-2.0
"""Errors of models, tokenizers and chat templates."""

from __future__ import annotations

from engine.errors.base import EngineError, mark


class ModelNotFound(EngineError):
    """No model of the workspace has this name or id."""

    code = "model_not_found"
    default_remedy = mark("Add the model's folder first.")


class ModelInvalid(EngineError):
    """A folder does not hold a complete model in the Hugging Face form."""

    code = "model_invalid"
    default_remedy = mark("Choose a folder with config.json, tokenizer.json and safetensors files.")


class UnsafeWeights(EngineError):
    """The folder holds weights only in a form that can run code when it is loaded."""

    code = "unsafe_weights"
    default_remedy = mark("Get the safetensors version of this model.")


class RemoteCodeRefused(EngineError):
    """The model asks to run program code that came with it."""

    code = "remote_code_refused"
    default_remedy = mark("Choose a version of the model that needs no code of its own.")


class ArchitectureUnsupported(EngineError):
    """The model's architecture is not one that Burnish trains."""

    code = "architecture_unsupported"
    default_remedy = mark("Choose one of the supported architectures.")


class ModelChanged(EngineError):
    """The model's folder changed since it was added."""

    code = "model_changed"
    default_remedy = mark("Add the folder again, so that its files are checked anew.")


class TemplateInvalid(EngineError):
    """The model's chat template cannot be rendered safely or completely."""

    code = "template_invalid"
    default_remedy = mark("Choose a model with a complete chat template.")


class NoChatTemplate(EngineError):
    """The dataset holds conversations, but the model has no chat template."""

    code = "no_chat_template"
    default_remedy = mark("Choose an instruction-tuned version of the model.")


class TokenizerInvalid(EngineError):
    """The model's tokenizer cannot be read."""

    code = "tokenizer_invalid"
    default_remedy = mark("Get the model's tokenizer.json again.")
