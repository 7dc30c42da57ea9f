"""Tables in files (CSV and its relatives, XLSX workbooks): one reader, for the API and for the local import command.

It knows nothing of sheets but how much one holds. Files are hostile until read: sizes are limited before anything is
unpacked, and what is wrong is a `TableError` with lines and columns.
"""
