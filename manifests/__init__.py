"""The templates of apps whose repository brings none: data only, each documented in its own first lines.

They are Jinja2. To change one, copy all five into the repository; a folder there replaces this one whole.
"""
