"""The run folder: one run is one folder with one SQLite file. The only room that knows a database.

``run_store`` writes while a run goes on, ``load`` reads it back whole, ``runs`` finds folders, ``lock`` keeps two
starts of one suite apart, ``verify`` checks a folder, ``export`` turns a run into other formats.
"""
