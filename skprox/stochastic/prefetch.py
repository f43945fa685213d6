"""A hint to the processor, for rows that are visited in random order would be waited for one by one."""

from llvmlite import ir
from numba.core import types
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import make_array


def prefetch(array, position):
    """Have ``array[position]`` of a contiguous array brought into the cache.

    Nothing is read, so that the position may lie outside of the array. Only compiled code gives the hint.
    """


@type_callable(prefetch)
def _type(context):
    return lambda array, position: types.void


@lower_builtin(prefetch, types.Array, types.Integer)
def _lower(context, builder, signature, arguments):
    data = make_array(signature.args[0])(context, builder, arguments[0]).data
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
    hint = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    read, keep, of_data = number(0), number(2), number(1)
    builder.call(builder.module.declare_intrinsic("llvm.prefetch", [byte], hint), [address, read, keep, of_data])
    return context.get_dummy_value()
