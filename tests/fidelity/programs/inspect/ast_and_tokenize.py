import ast
import tokenize

tree = ast.parse(open(__file__).read(), __file__)
print(ast.dump(tree.body[0]), ast.unparse(tree.body[-1]))
print(ast.get_source_segment(open(__file__).read(), tree.body[1]))
with tokenize.open(__file__) as file:
    print([t.string for t in tokenize.generate_tokens(file.readline)][:6])
