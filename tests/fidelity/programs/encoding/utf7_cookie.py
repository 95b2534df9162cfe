# coding: utf-7
print("a+AOk-b")
