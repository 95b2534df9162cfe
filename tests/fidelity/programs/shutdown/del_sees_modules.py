import os
import sys


class Late:
    def __del__(self):
        print(os is not None and os.getcwd(), sys is not None and sys.is_finalizing())
        try:
            print(helper)
        except NameError as error:
            print(error)


helper = "still here"
late = Late()
