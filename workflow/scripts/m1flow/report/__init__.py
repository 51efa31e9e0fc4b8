"""The report: the page, its sections, figures and explorer."""
