"""The documentation as HTML: the guides, and a page of each module, plugin and role."""
