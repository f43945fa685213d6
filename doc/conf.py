"""Sphinx configuration: ``sphinx-build -W doc doc/_build`` with the extras `docs` and `dask`."""

import zlib
from importlib.util import find_spec
from pathlib import Path

from docutils.nodes import container
from sphinx_gallery.directives import imgsgnode
from sphinx_gallery.sorting import ExplicitOrder

import skprox

HERE = Path(__file__).parent

project = "skprox"
author = "the skprox developers"
copyright = author
release = version = skprox.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "gallery/*.md5", "**sg_execution_times.rst"]
templates_path = ["_templates"]
default_role = "py:obj"  # `GroupLassoPoisson` is a link, in docstrings too
add_function_parentheses = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "skprox"
html_static_path = ["_static"]
html_css_files = ["skprox.css"]
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
wide = "index", "gallery/**", "coming_from/*", "benchmarks", "changelog", "citing"
wide += "api/generated/*", "developer/measurements", "developer/architecture", "developer/contributing"
html_sidebars = {page: [] for page in wide}  # room for tables, figures and code
html_show_sourcelink = False

numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    "array-like": ":term:`array-like <sklearn:array-like>`",
    "dict": "dict",
    "DataFrame": "pandas.DataFrame",
    "Series": "pandas.Series",
    "ndarray": "numpy.ndarray",
    "RandomState": "numpy.random.RandomState",
}
numpydoc_xref_ignore = "all"
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

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
plot_formats = [("png", 150)]
plot_html_show_source_link = plot_html_show_formats = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"__init__\.py",
    "subsection_order": ExplicitOrder(["../examples/method", "../examples/sparsity"]),
    "within_subsection_order": ExplicitOrder(
        [
            "plot_bike_rentals.py",
            "plot_claims.py",
            "plot_neurons.py",
            "plot_demand.py",
            "plot_population.py",
            "plot_displays.py",
            "plot_strengths_by_structure.py",
            "plot_interactions.py",
            "plot_covariate_selection.py",
            "plot_larger_than_memory.py",
            "plot_sgd_sparsity.py",
            "plot_sparse_teacher.py",
            "plot_overparametrized_linear.py",
            "plot_overparametrized_relu.py",
            "plot_sparsification_dynamics.py",
        ]
    ),
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("skprox",),
    "reference_url": {"skprox": None},
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
}

# What the pages refer to of other projects: their own inventories, and where these can't be had, as offline, lists of
# the few names that are used here.
peers = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "scipy": "https://docs.scipy.org/doc/scipy",
    "pandas": "https://pandas.pydata.org/docs",
    "sklearn": "https://scikit-learn.org/stable",
    "matplotlib": "https://matplotlib.org/stable",
    "joblib": "https://joblib.readthedocs.io/en/stable",
}
intersphinx_timeout = 10
intersphinx_mapping = {}
for name, address in peers.items():
    local = HERE / "_build" / "inventories" / f"{name}.inv"
    local.parent.mkdir(parents=True, exist_ok=True)
    header = f"# Sphinx inventory version 2\n# Project: {name}\n# Version:\n# The rest is compressed using zlib.\n"
    local.write_bytes(header.encode() + zlib.compress((HERE / "inventories" / f"{name}.txt").read_bytes()))
    intersphinx_mapping[name] = (address, (None, str(local.relative_to(HERE))))

sklearn_names = [line.split()[0] for line in (HERE / "inventories" / "sklearn.txt").read_text().splitlines()]
full_names = {name.rpartition(".")[2]: name for name in sklearn_names}


def name_in_full(_app, _env, node, _text):
    """`GridSearchCV`, which skprox does not have, is that of scikit-learn, for intersphinx to find."""
    node["reftarget"] = full_names.get(node["reftarget"], node["reftarget"])


def hold_figures(_app, doctree, _page):
    """Give figures of the gallery a box, which scrolls on small screens."""
    for figure in list(doctree.findall(imgsgnode)):
        figure.replace_self(container("", figure.deepcopy(), classes=["gallery-figure"]))


def setup(app):
    app.connect("missing-reference", name_in_full, priority=400)
    app.connect("doctree-resolved", hold_figures)
