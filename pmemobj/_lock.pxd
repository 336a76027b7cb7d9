# Nothing here has a C type; the file makes the module one that is compiled.
