"""One module and one template per section: ``build(view)`` makes the model, ``NAME.html.j2`` places it.

``build`` returns None where the run has nothing to say there; the section and its link are then left out.
"""
