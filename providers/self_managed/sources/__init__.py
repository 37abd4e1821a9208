"""Where the files of a cluster come from beside plain paths: archives, HTTPS, standard input, Git."""
