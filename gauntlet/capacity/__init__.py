"""The search for the highest load that a system holds."""
