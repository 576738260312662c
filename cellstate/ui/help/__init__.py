"""The help page; its texts are the Markdown files in content/."""
