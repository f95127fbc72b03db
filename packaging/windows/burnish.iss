; SPDX-License-Identifier: Apache-2.0
; The installer for Windows, for Inno Setup 6: iscc /DVersion=0.1.0 /DSource=..\..\build\package\burnish burnish.iss
; It carries the program. The training runtime is added by the program itself, from wheels.

#ifndef Version
  #error "Say which version: /DVersion=..."
#endif
#ifndef Source
  #define Source "..\..\build\package\burnish"
#endif

[Setup]
AppId={{6C1B0D4E-3B0B-4E53-9A57-6F2C0B0D8B71}
AppName=Burnish
AppVersion={#Version}
AppVerName=Burnish {#Version}
DefaultDirName={autopf}\Burnish
DefaultGroupName=Burnish
DisableProgramGroupPage=yes
LicenseFile=..\..\LICENSE
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
Compression=lzma2/max
SolidCompression=yes
OutputBaseFilename=burnish-{#Version}-windows-x86_64
OutputDir=..\..\build\package
ChangesAssociations=yes
CloseApplications=yes
UninstallDisplayIcon={app}\burnish.exe
WizardStyle=modern

[Files]
Source: "{#Source}\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[InstallDelete]
; What an older version brought and this one does not would be imported all the same.
Type: filesandordirs; Name: "{app}\_internal"

[Icons]
Name: "{group}\Burnish"; Filename: "{app}\burnish.exe"; Parameters: "--window"

[Registry]
Root: HKA; Subkey: "Software\Classes\Applications\burnish.exe\shell\open\command"; ValueType: string; ValueData: """{app}\burnish.exe"" --window ""%1"""; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Applications\burnish.exe\SupportedTypes"; ValueType: string; ValueName: ".jsonl"; ValueData: ""; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Applications\burnish.exe\SupportedTypes"; ValueType: string; ValueName: ".parquet"; ValueData: ""; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\.jsonl\OpenWithProgids"; ValueType: string; ValueName: "Burnish.rows"; ValueData: ""; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\.parquet\OpenWithProgids"; ValueType: string; ValueName: "Burnish.rows"; ValueData: ""; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\Burnish.rows"; ValueType: string; ValueData: "Rows for Burnish"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Burnish.rows\shell\open\command"; ValueType: string; ValueData: """{app}\burnish.exe"" --window ""%1"""; Flags: uninsdeletekey

[Run]
Filename: "{app}\burnish.exe"; Parameters: "--window"; Description: "{cm:LaunchProgram,Burnish}"; Flags: nowait postinstall skipifsilent
