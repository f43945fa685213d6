"""Sphinx configuration: ``sphinx-build doc doc/_build`` with the `docs` extra."""

from importlib.util import find_spec

import skprox

project = "skprox"
author = "the skprox developers"
release = version = skprox.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx-mathjax-offline",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
default_role = "literal"
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
wide = "benchmarks", "developer/architecture", "developer/measurements", "user_guide"
html_sidebars = {page: [] for page in wide}  # room for tables, figures and code
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
autosummary_generate = True
autodoc_typehints = "none"  # docstrings say more
autodoc_mock_imports = [] if find_spec("torch") else ["torch"]
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseEstimator,RegressorMixin,_SetOutputMixin,Optimizer",
    "exclude-members": ",".join(
        ["get_metadata_routing", *(f"set_{name}_request" for name in ("fit", "partial_fit", "predict", "score"))]
    ),
}
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "show_memory": False,
}
