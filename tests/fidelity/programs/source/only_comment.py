# silent: nothing but a comment
