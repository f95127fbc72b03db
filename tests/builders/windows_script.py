# SPDX-License-Identifier: Apache-2.0
"""What the script of the installer for Windows does to files, without a Windows.

Of NSIS it knows what the script uses where files come and go: macros, conditions, and the commands
for files, each with the error that it leaves. Files may be held open by another program, and the
work may be cut off behind any command.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_MACRO = re.compile(r"^!macro (\w+)(.*?)$\n(.*?)^!macroend", flags=re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^Section ?(\w*)$\n(.*?)^SectionEnd", flags=re.MULTILINE | re.DOTALL)
_OTHERS = {
    "!insertmacro", "Call", "CreateShortcut", "DeleteRegKey", "DeleteRegValue", "FileClose", "Pop",
    "StrCpy", "System::Call", "WriteRegDWORD", "WriteRegStr", "nsExec::Exec",
}  # fmt: skip
"""Commands that change none of these files; `Call` leads to the refusal of foreign folders."""


class GaveUpError(Exception):
    """The script stopped and said why."""


class CutOffError(Exception):
    """The computer went off."""


class WindowsComputer:
    """A folder that stands for a computer.

    Attributes:
        program: Where the program is installed.
        held: Files that another program holds open.
        calls: The commands that were run, by their first word.
    """

    def __init__(self, script: str, root: Path, payload: Path) -> None:
        """Take a script, and the folder of what it installs."""
        self._macros = {name: (words.split(), body) for name, words, body in _MACRO.findall(script)}
        self._sections = dict(_SECTION.findall(script))
        self._payload = payload
        self._has_error = False
        self._out = root
        self._left = 0
        self.program = root / "Programs" / "Burnish"
        self.program.parent.mkdir(parents=True)
        self.held: set[Path] = set()
        self.calls: list[str] = []

    def install(self) -> None:
        """Run the section that installs."""
        self._run(self._sections[""])

    def remove(self, *, commands: int = 1_000) -> None:
        """Run the section that removes.

        Args:
            commands: After so many the computer goes off.

        Raises:
            CutOffError: It did.
            GaveUpError: The script gave up.
        """
        self._run(self._sections["Uninstall"], commands)

    def _run(self, text: str, commands: int = 1_000) -> None:
        self.calls, self._left = [], commands
        holds: list[bool] = []
        for words in self._lines(text):
            match words:
                case ["${If}" | "${IfNot}" as word, *rest]:
                    holds.append(self._is(rest) != (word == "${IfNot}"))
                case ["${OrIf}", *rest]:
                    holds[-1] = holds[-1] or self._is(rest)
                case ["${Else}"]:
                    holds[-1] = not holds[-1]
                case ["${EndIf}"]:
                    holds.pop()
                case _ if all(holds):
                    self._do(words)
                case _:
                    pass

    def _lines(self, text: str) -> Iterator[list[str]]:
        """Yield the words of each line, with macros in their places."""
        for line in text.splitlines():
            words = ["".join(one) for one in _WORD.findall(line.partition(" ; ")[0])]
            if not words or words[0].startswith(";"):
                continue
            if words[0] == "!insertmacro" and words[1] in self._macros and words[1] != "GiveUp":
                names, body = self._macros[words[1]]
                for name, value in zip(names, words[2:], strict=True):
                    body = body.replace(f"${{{name}}}", value)
                yield from self._lines(body)
            else:
                yield words

    def _place(self, word: str) -> Path:
        word = word.replace("$INSTDIR", str(self.program)).replace("${SOURCE}", str(self._payload))
        for name in ("$SMPROGRAMS", "$TEMP"):
            word = word.replace(name, str(self.program.parent.parent))
        assert "$" not in word
        return Path(word.replace("\\", "/"))

    def _is(self, words: list[str]) -> bool:
        match words:
            case ["${FileExists}", name]:
                place = self._place(name)
                return place.parent.is_dir() if place.name == "*.*" else place.exists()
            case ["${Errors}"]:
                found, self._has_error = self._has_error, False
                return found
            case ["$0", "!=", "0"]:
                return False
            case _:
                raise AssertionError(words)

    def _do(self, words: list[str]) -> None:
        if self._left == 0:
            raise CutOffError
        self._left -= 1
        self.calls.append(words[0])
        match words:
            case ["!insertmacro", "GiveUp", text]:
                raise GaveUpError(text)
            case ["ClearErrors"]:
                self._has_error = False
            case ["SetOutPath", name]:
                self._out = self._place(name)
            case ["Rename", source, target]:
                self._rename(self._place(source), self._place(target))
            case ["RMDir" | "Delete", *rest]:
                self._delete_all(self._place(rest[-1]), with_content=rest[0] == "/r")
            case _:
                self._write(words)

    def _write(self, words: list[str]) -> None:
        match words:
            case ["File", "/r", name]:
                shutil.copytree(self._place(name).parent, self._out)
            case ["FileOpen", _, name, "w"] | ["WriteUninstaller", name]:
                self._place(name).touch()
            case _:
                assert words[0] in _OTHERS, words

    def _delete_all(self, place: Path, *, with_content: bool) -> None:
        for one in sorted(place.rglob("*"), reverse=True) if with_content else ():
            self._delete(one)
        self._delete(place)

    def _rename(self, source: Path, target: Path) -> None:
        is_held = any(one.is_relative_to(source) for one in self.held)
        if is_held or target.exists() or not source.exists():
            self._has_error = True
        else:
            source.rename(target)

    def _delete(self, place: Path) -> None:
        """Delete a file, or a folder that is empty."""
        if place in self.held or (place.is_dir() and any(place.iterdir())):
            self._has_error = True
        elif place.is_dir():
            place.rmdir()
        else:
            place.unlink(missing_ok=True)
