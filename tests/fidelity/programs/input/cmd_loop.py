import cmd


class Shell(cmd.Cmd):
    prompt = "> "

    def do_EOF(self, _):
        print("eof")
        return True


Shell().cmdloop("intro")
