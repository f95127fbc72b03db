# SPDX-License-Identifier: Apache-2.0
"""Odd files of JSON and of JSON Lines, and odd rows in them."""

from __future__ import annotations

import json

from tests.builders.odd_files import LINE, ROW, OddFile, chat, json_line, read, refused

_LONG = b"x" * (16 << 20)
_TOKENS = "<|im_start|><|im_end|><s></s>[INST][/INST]<|eot_id|><start_of_turn><|endoftext|>"
_ASKED = ("user", "a")
_ANSWERED = ("assistant", "b")

_LINES: tuple[OddFile, ...] = (
    refused("empty", b"", "file_empty"),
    refused("only blanks", b" \r\n\t\n", "file_empty"),
    refused("only a byte order mark", b"\xef\xbb\xbf", "file_empty"),
    refused("only zero bytes", bytes(5000), "file_empty"),
    read("no line end at the end", LINE.strip(), 1),
    read("line that is cut off", LINE * 3 + LINE[:20], 3, broken_json=1),
    read("mixed line ends", LINE + LINE.replace(b"\n", b"\r\n") + LINE.replace(b"\n", b"\r"), 3),
    read("blank lines", b"\n\n" + LINE + b"  \n" + LINE + b"\n\n", 2),
    read("byte order mark", b"\xef\xbb\xbf" + LINE * 2, 2),
    read("utf-16 with mark", (LINE * 2).decode().encode("utf-16"), 2),
    read("utf-16-le without mark", (LINE * 2).decode().encode("utf-16-le"), 2),
    read("utf-16-be without mark", (LINE * 2).decode().encode("utf-16-be"), 2),
    read("utf-16 with half a character", (LINE * 2).decode().encode("utf-16") + b"x", 2,
         broken_json=1),
    read("utf-32 with mark", (LINE * 2).decode().encode("utf-32"), 2),
    read("latin-1 in a line", LINE + b'{"prompt": "\xe4", "completion": "b"}\n' + LINE, 2,
         bad_encoding=1),
    read("lone surrogate escaped", LINE + b'{"prompt": "\\ud800", "completion": "b"}\n', 1,
         broken_json=1),
    read("lone surrogate in bytes", LINE + b'{"prompt": "\xed\xa0\x80", "completion": "b"}\n', 1,
         bad_encoding=1),
    read("zero byte in a line", LINE + b'{"prompt": "a\0b", "completion": "b"}\n', 1,
         broken_json=1),
    read("zero escaped in a text", LINE + b'{"prompt": "a\\u0000b", "completion": "b"}\n', 1,
         nul_character=1),
    read("line of 16 MB and more", LINE + b'{"text": "' + _LONG + b'"}\n' + LINE, 2, too_long=1),
    read("only a line of 16 MB without an end", b'{"text": "' + _LONG, 0, too_long=1),
    read("lines of words between rows", LINE + b"hello\n" + LINE, 2, broken_json=1),
    read("python instead of json", LINE * 3 + b"{'prompt': 'a', 'completion': 'b'}\n", 3,
         broken_json=1),
    read("comma behind each line", LINE.replace(b"}\n", b"},\n") * 3, 3),
    read("NaN", LINE + b'{"prompt": NaN, "completion": "b"}\n', 1, broken_json=1),
    read("infinity", LINE + b'{"prompt": -Infinity, "completion": "b"}\n', 1, broken_json=1),
    read("number beyond all range", LINE + b'{"prompt": "a", "completion": "b", "n": 1e999}\n', 1,
         number_out_of_range=1),
    read("integer of a thousand digits",
         LINE + b'{"prompt": "a", "completion": "b", "n": ' + b"9" * 1000 + b"}\n", 2),
    read("depth of 10,000", LINE + b"[" * 10_000 + b"]" * 10_000 + b"\n", 1, too_deep=1),
    read("depth of 10,000 objects", LINE + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"\n", 1,
         too_deep=1),
    read("number as a line", LINE + b"5\n" + b"null\n" + b'"text"\n', 1, broken_json=1),
    read("the same name twice", b'{"prompt": "a", "prompt": "b", "completion": "c"}\n', 1),
    read("names in capitals", b'{"PROMPT": "a", "Completion": "b"}\n', 1),
    read("two objects in a line", LINE * 2 + LINE.strip() * 2 + b"\n", 2, broken_json=1),
    read("a thousand equal rows", LINE * 1000, 1000),
    read("row of two million words", json_line({"text": "word " * 2_000_000}), 1),
    read("100,000 fields in a row", json_line(ROW | {f"f{n}": n for n in range(100_000)}), 1),
)  # fmt: skip

_ROWS: tuple[OddFile, ...] = (
    read("messages that are empty", LINE + b'{"messages": []}\n', 1, empty_conversation=1),
    read("messages that are null", LINE + b'{"messages": null}\n', 1, unknown_shape=1),
    read("messages that are a text", LINE + b'{"messages": "hello"}\n', 1, wrong_type=1),
    read("messages that hold a number", LINE + b'{"messages": [1]}\n', 1, wrong_type=1),
    read("unknown role", chat(_ASKED, _ANSWERED) + chat(("wizard", "a"), _ANSWERED), 1,
         unknown_role=1),
    read("role that is null", chat(_ASKED, _ANSWERED) + b'{"messages": [{"role": null}]}\n', 1,
         unknown_role=1),
    read("message without a role", LINE + b'{"messages": [{"content": "a"}]}\n', 1,
         unknown_role=1),
    read("two system turns", chat(("system", "a"), ("system", "b"), _ASKED, _ANSWERED), 1),
    read("assistant first", chat(_ANSWERED, _ASKED, _ANSWERED), 1),
    read("only a user", chat(_ASKED, _ANSWERED) + chat(_ASKED), 1, no_assistant_turn=1),
    read("empty answer", chat(_ASKED, _ANSWERED) + chat(_ASKED, ("assistant", "")), 1,
         empty_text=1),
    read("content that is a list of parts",
         chat(_ASKED, ("assistant", [{"type": "text", "text": "b"}])), 1),
    read("content that is a picture", chat(_ASKED, _ANSWERED)
         + chat(("user", [{"type": "image_url", "image_url": {"url": "x"}}]), _ANSWERED), 1,
         wrong_type=1),
    read("content that is null", chat(_ASKED, _ANSWERED) + chat(_ASKED, ("assistant", None)), 1,
         empty_text=1),
    read("content that is a number", chat(_ASKED, ("assistant", 5)), 0, wrong_type=1),
    read("tool call with null content", json_line({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "r", "tool_call_id": "1"},
        {"role": "assistant", "content": "b"}]}), 1),
    read("schemas that are mixed", chat(_ASKED, _ANSWERED) + LINE
         + b'{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}\n'
         + b'{"instruction": "a", "input": "", "output": "b"}\n', 4),
    read("kinds that are mixed", LINE * 3 + b'{"text": "a"}\n', 3, other_kind=1),
    read("emoji, joiners and right to left",
         json_line({"prompt": "👩‍👩‍👧‍👦 שלום \u202e abc é", "completion": "🏳️‍🌈"}), 1),
    read("special tokens as content", json_line({"prompt": _TOKENS, "completion": _TOKENS}), 1),
    read("only blanks as an answer", LINE + json_line({"prompt": "a", "completion": " \n"}), 1,
         empty_text=1),
    read("no field that is known", LINE + b'{"colour": "red"}\n', 1, unknown_shape=1),
    read("empty object", LINE + b"{}\n", 1, unknown_shape=1),
    read("preference without a liked answer",
         b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n'
         b'{"prompt": "a", "chosen": "", "rejected": "c"}\n', 1, empty_text=1),
    read("rated answers, one with another verdict",
         b'{"prompt": "a", "completion": "b", "label": true}\n' * 2
         + b'{"prompt": "a", "completion": "b", "label": "so so"}\n', 2, wrong_type=1),
    read("rated answers of which one is blank",
         b'{"prompt": "a", "completion": "b", "label": 1}\n' * 2
         + b'{"prompt": "a", "completion": " ", "label": 0}\n', 2, empty_text=1),
    read("classes, one of them missing",
         b'{"text": "a", "label": "x"}\n' * 3 + b'{"text": "a", "label": null}\n'
         + b'{"text": "a"}\n', 3, missing_label=2),
    read("classes that are lists", b'{"text": "a", "label": ["x", "y"]}\n' * 3, 3),
    read("classes, one as long as a text",
         b'{"text": "a", "label": 1}\n' * 1000
         + json_line({"text": "a", "label": "x" * 500}), 1000, wrong_type=1),
    read("pictures with classes, one without a path",
         b'{"image": "a.png", "label": 1}\n' * 3 + b'{"image": "", "label": 0}\n', 3,
         missing_subject=1),
    read("weights that are no weights", chat(_ASKED, _ANSWERED) + json_line({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "weight": "heavy"}]}), 1, wrong_type=1),
)  # fmt: skip

_LIST = json.dumps([ROW] * 3).encode()
_DOCUMENTS: tuple[OddFile, ...] = (
    read("list", _LIST, 3, ".json"),
    read("list that is called csv", _LIST, 3, ".csv"),
    read("list that is not closed", _LIST[:-1], 3, ".json", broken_json=1),
    read("list with a comma at the end", _LIST[:-1] + b",]", 3, ".json"),
    read("list with a row that is broken",
         b'[\n{"prompt": "a", "completion": "b"},\n{"prompt": "a" "completion": "b"},\n'
         b'{"prompt": "a", "completion": "b"}\n]', 2, ".json", broken_json=1),
    read("list with a bracket too few",
         b'[\n {"prompt": "a", "completion": "b"},\n {"prompt": {"a", "completion": "b"},\n'
         b' {"prompt": "a", "completion": "b"}\n]', 2, ".json", broken_json=1),
    refused("list of numbers", b"[1, 2, 3]", "format_unknown", ".json"),
    refused("empty list", b"[]", "no_usable_rows", ".json"),
    refused("empty object alone", b"{}", "no_usable_rows", ".json"),
    read("object that holds a list", b'{"data": ' + _LIST + b', "n": 3}', 3, ".json"),
    read("objects one after the other", LINE.strip() * 4, 4, ".json"),
    read("objects over several lines", json.dumps(ROW, indent=2).encode() * 4, 4, ".json"),
    read("lists one after the other", _LIST + _LIST, 6, ".json"),
    read("columns", json.dumps({"prompt": ["a", "b"], "completion": ["c", "d"]}).encode(), 2),
    read("columns of unequal length", b'{"prompt": ["a", "b"], "completion": ["c"]}', 1, ".json",
         short_column=1),
    read("columns that are cut off", b'{"prompt": ["a", "b"], "completion": ["c", "d"', 1,
         ".json", short_column=1, broken_json=1),
    read("object that is cut off", LINE.strip()[:-1], 0, ".json", broken_json=1),
    read("comments", b'// rows\n[{"prompt": "a", "completion": "b"}]', 0, ".json",
         broken_json=1, unknown_role=1),
    refused("list deeper than any row", b"[" * 5000 + b"]" * 5000, "format_unknown", ".json"),
    read("value of 16 MB and more in a list",
         b"[" + LINE.strip() + b',{"text": "' + _LONG + b'"},' + LINE.strip() + b"]", 2, ".json",
         too_long=1),
    refused("prose that is called json", b"Once upon a time.\n", "format_unknown", ".jsonl"),
    refused("web page that is called json", b"<!doctype html><html></html>", "format_unknown",
            ".json"),
)  # fmt: skip

ODD_ROWS = _LINES + _ROWS + _DOCUMENTS
