import os
import select

r, w = os.pipe()
print(select.select([r], [w], [], 0) == ([], [w], []))
os.write(w, b"abc")
p = select.poll()
p.register(r, select.POLLIN)
print(p.poll(100) == [(r, select.POLLIN)], os.read(r, 10))
e = select.epoll()
e.register(w, select.EPOLLOUT)
print(len(e.poll(1)))
os.close(w)
print(os.read(r, 1))
import selectors

s = selectors.DefaultSelector()
print(type(s).__name__)
