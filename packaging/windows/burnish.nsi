; SPDX-License-Identifier: Apache-2.0
; The installer for Windows, for NSIS 3:
;   makensis -DVERSION=0.1.0 -DSOURCE=<folder of the program> -DOUT=<installer> burnish.nsi
; It carries the program; the training runtime is added by the program itself, from wheels.
;
; A new version is unpacked beside the old one and has to start before it takes its place, so that
; an old one that works never goes for a new one that does not. Nothing outside of the folder of the
; program is removed: workspace, settings and runtime of a person stay.
;
; Without windows: /S, with /AllUsers or /CurrentUser, and /D=<folder> as the last one.

Unicode true
!ifdef TARGET
  Target ${TARGET}
!endif
ManifestDPIAware true
ManifestLongPathAware true
!ifndef VERSION | SOURCE | OUT
  !error "Say what is installed and where the installer goes: -DVERSION= -DSOURCE= -DOUT="
!endif

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Burnish"
!define CLASSES "Software\Classes"
!define MULTIUSER_EXECUTIONLEVEL Highest
!define MULTIUSER_INSTALLMODE_DEFAULT_CURRENTUSER
!define MULTIUSER_INSTALLMODE_COMMANDLINE
; Never %LOCALAPPDATA%\Burnish: that is where the workspace and the runtime of a person are.
!define MULTIUSER_INSTALLMODE_INSTDIR "Burnish"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_KEY "${UNINSTALL_KEY}"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_VALUENAME "InstallLocation"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_KEY "${UNINSTALL_KEY}"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_VALUENAME "InstallLocation"
!define MULTIUSER_USE_PROGRAMFILES64
!define MULTIUSER_MUI
!include MultiUser.nsh
!include MUI2.nsh
!include LogicLib.nsh
!include x64.nsh

Name "Burnish"
OutFile "${OUT}"
SetCompressor /SOLID lzma
BrandingText "Burnish ${VERSION}"
VIProductVersion "${VERSION}.0"
VIAddVersionKey ProductName "Burnish"
VIAddVersionKey FileDescription "Installer of Burnish"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey LegalCopyright "Apache License 2.0"
!ifdef ICON
  !define MUI_ICON "${ICON}"
  !define MUI_UNICON "${ICON}"
!endif

!define MUI_FINISHPAGE_RUN "$INSTDIR\burnish.exe"
!define MUI_FINISHPAGE_RUN_PARAMETERS "--window"
!insertmacro MUI_PAGE_LICENSE "${__FILEDIR__}/../../LICENSE"
!insertmacro MULTIUSER_PAGE_INSTALLMODE
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

!macro GiveUp TEXT
  DetailPrint "${TEXT}"
  IfSilent +2
  MessageBox MB_OK|MB_ICONSTOP "${TEXT}"
  SetErrorLevel 2
  Abort "${TEXT}"
!macroend

; What "open with" offers is read anew: SHChangeNotify(SHCNE_ASSOCCHANGED).
!macro TellTheShell
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
!macroend
Function .onInit
  ${IfNot} ${RunningX64}
    !insertmacro GiveUp "Burnish needs a 64-bit Windows. Nothing was changed."
  ${EndIf}
  SetRegView 64
  StrCpy $R9 $INSTDIR ; of /D=, which what follows forgets
  !insertmacro MULTIUSER_INIT
  ${If} $R9 != ""
    StrCpy $INSTDIR $R9
  ${EndIf}
FunctionEnd

Function un.onInit
  SetRegView 64
  !insertmacro MULTIUSER_UNINIT
FunctionEnd

; A folder that is written or removed has a mark beside it until that is done: so one that was left
; half way is known as one of Burnish.
!macro Mark FOLDER
  FileOpen $0 "${FOLDER}.burnish-copy" w
  FileClose $0
!macroend

!macro Remove FOLDER
  ${If} ${FileExists} "${FOLDER}\*.*"
    !insertmacro Mark "${FOLDER}"
    RMDir /r "${FOLDER}"
  ${EndIf}
  ${IfNot} ${FileExists} "${FOLDER}\*.*"
    Delete "${FOLDER}.burnish-copy"
  ${EndIf}
!macroend

; What else a person keeps in the folder of the program stays when it is removed.
!macro RemoveProgram
  RMDir /r "$INSTDIR\_internal.old"
  RMDir /r "$INSTDIR\licences"
  Delete "$INSTDIR\burnish.exe"
  Delete "$INSTDIR\burnish-cli.exe"
  Delete "$INSTDIR\THIRD-PARTY-NOTICES.txt"
  Delete "$INSTDIR\sbom.cdx.json"
!macroend

; These folders are replaced, or removed, as a whole: each has to be new, empty, or one of Burnish.
!macro RefuseForeign FOLDER
  StrCpy $2 "${FOLDER}"
  Call RefuseForeignFolder
!macroend

Function RefuseForeignFolder
  IfFileExists "$2.burnish-copy" ours
  ${If} ${FileExists} "$2\burnish.exe"
  ${AndIf} ${FileExists} "$2\_internal\*.*"
    Goto ours
  ${EndIf}
  ${If} ${FileExists} "$2"
  ${AndIfNot} ${FileExists} "$2\*.*"
    !insertmacro GiveUp "$2 is a file. Choose an empty or a new folder. Nothing was changed."
  ${EndIf}
  FindFirst $0 $1 "$2\*"
  ${DoWhile} $1 != ""
    ${If} $1 != "."
    ${AndIf} $1 != ".."
      FindClose $0
      !insertmacro GiveUp "$2 holds other files. Choose an empty or a new folder. Nothing was changed."
    ${EndIf}
    FindNext $0 $1
  ${Loop}
  FindClose $0
  ours:
FunctionEnd

Section
  !insertmacro RefuseForeign "$INSTDIR"
  !insertmacro RefuseForeign "$INSTDIR.old"
  !insertmacro RefuseForeign "$INSTDIR.new"
  !insertmacro Remove "$INSTDIR.new"
  SetOutPath "$INSTDIR.new"
  !insertmacro Mark "$INSTDIR.new"
  ClearErrors
  File /r "${SOURCE}\*"
  ${If} ${Errors}
    SetOutPath "$TEMP"
    !insertmacro Remove "$INSTDIR.new"
    !insertmacro GiveUp "Not all files could be written. What was installed before is untouched."
  ${EndIf}
  SetOutPath "$TEMP"
  WriteUninstaller "$INSTDIR.new\uninstall.exe"
  Delete "$INSTDIR.new.burnish-copy"
  nsExec::Exec '"$INSTDIR.new\burnish-cli.exe" --help'
  Pop $0
  ${If} $0 != 0
    !insertmacro Remove "$INSTDIR.new"
    !insertmacro GiveUp "The new Burnish does not start on this computer. What was installed before is untouched."
  ${EndIf}

  !insertmacro Remove "$INSTDIR.old"
  ${If} ${FileExists} "$INSTDIR\burnish.exe"
    ClearErrors
    Rename "$INSTDIR" "$INSTDIR.old"
    ${If} ${Errors}
      !insertmacro Remove "$INSTDIR.new"
      !insertmacro GiveUp "Burnish is in use. Close its window, pause its runs, and install again. Nothing was changed."
    ${EndIf}
  ${Else}
    ${If} ${FileExists} "$INSTDIR.burnish-copy" ; a removal was cut off
      !insertmacro RemoveProgram
      Delete "$INSTDIR\uninstall.exe"
    ${EndIf}
    RMDir "$INSTDIR"
  ${EndIf}
  ClearErrors
  Rename "$INSTDIR.new" "$INSTDIR"
  ${If} ${Errors}
    Rename "$INSTDIR.old" "$INSTDIR"
    !insertmacro Remove "$INSTDIR.new"
    !insertmacro GiveUp "The new Burnish could not be put in place. What was installed before is untouched."
  ${EndIf}
  Delete "$INSTDIR.burnish-copy"
  !insertmacro Remove "$INSTDIR.old"

  CreateShortcut "$SMPROGRAMS\Burnish.lnk" "$INSTDIR\burnish.exe" "--window"
  WriteRegStr SHCTX "${CLASSES}\Burnish.rows" "" "Rows for Burnish"
  WriteRegStr SHCTX "${CLASSES}\Burnish.rows\DefaultIcon" "" "$INSTDIR\burnish.exe,0"
  WriteRegStr SHCTX "${CLASSES}\Burnish.rows\shell\open\command" "" '"$INSTDIR\burnish.exe" --window "%1"'
  WriteRegStr SHCTX "${CLASSES}\Applications\burnish.exe\shell\open\command" "" '"$INSTDIR\burnish.exe" --window "%1"'
  WriteRegStr SHCTX "${CLASSES}\Applications\burnish.exe\SupportedTypes" ".jsonl" ""
  WriteRegStr SHCTX "${CLASSES}\Applications\burnish.exe\SupportedTypes" ".parquet" ""
  WriteRegStr SHCTX "${CLASSES}\.jsonl\OpenWithProgids" "Burnish.rows" ""
  WriteRegStr SHCTX "${CLASSES}\.parquet\OpenWithProgids" "Burnish.rows" ""
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayName" "Burnish"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\burnish.exe,0"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "Publisher" "The authors of Burnish"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode'
  WriteRegStr SHCTX "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode /S'
  WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD SHCTX "${UNINSTALL_KEY}" "NoRepair" 1
  !insertmacro TellTheShell
SectionEnd

Section Uninstall
  ; A folder whose program is in use cannot take another name: so it is known before anything goes.
  !insertmacro Mark "$INSTDIR"
  ${If} ${FileExists} "$INSTDIR\_internal\*.*" ; else a removal was cut off, and goes on here
    ClearErrors
    Rename "$INSTDIR\_internal" "$INSTDIR\_internal.old"
    ${If} ${Errors}
      Delete "$INSTDIR.burnish-copy"
      !insertmacro GiveUp "Burnish is in use. Close its window, pause its runs, and try again. Nothing was removed."
    ${EndIf}
  ${EndIf}
  !insertmacro RemoveProgram
  ; A virus scanner may hold a file open: then the mark and what removes the rest stay.
  ${If} ${FileExists} "$INSTDIR\_internal.old\*.*"
  ${OrIf} ${FileExists} "$INSTDIR\licences\*.*"
  ${OrIf} ${FileExists} "$INSTDIR\burnish.exe"
  ${OrIf} ${FileExists} "$INSTDIR\burnish-cli.exe"
  ${OrIf} ${FileExists} "$INSTDIR\THIRD-PARTY-NOTICES.txt"
  ${OrIf} ${FileExists} "$INSTDIR\sbom.cdx.json"
    !insertmacro GiveUp "Another program holds files of Burnish open, so some are left in $INSTDIR. Remove it again in a moment."
  ${EndIf}
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  ${IfNot} ${FileExists} "$INSTDIR\uninstall.exe"
    Delete "$INSTDIR.burnish-copy"
  ${EndIf}
  Delete "$SMPROGRAMS\Burnish.lnk"
  DeleteRegKey SHCTX "${CLASSES}\Burnish.rows"
  DeleteRegKey SHCTX "${CLASSES}\Applications\burnish.exe"
  DeleteRegValue SHCTX "${CLASSES}\.jsonl\OpenWithProgids" "Burnish.rows"
  DeleteRegValue SHCTX "${CLASSES}\.parquet\OpenWithProgids" "Burnish.rows"
  DeleteRegKey SHCTX "${UNINSTALL_KEY}"
  !insertmacro TellTheShell
SectionEnd
