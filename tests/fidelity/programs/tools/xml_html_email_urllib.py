import email.message
import html
import urllib.parse
import xml.etree.ElementTree as ET

root = ET.fromstring("<a x='1'><b>t</b><b/></a>")
print(root.attrib, [b.text for b in root.findall("b")], ET.tostring(root), html.escape("<&'\">"), urllib.parse.quote("a b/é"), urllib.parse.urlsplit("http://u@h:80/p?q#f"))
m = email.message.EmailMessage()
m["Subject"] = "é"
m.set_content("body")
print(m.as_string())
ET.fromstring("<a>")
