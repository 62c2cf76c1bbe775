from .checks import check_reg as check_reg
from .kernel import KernelCCA as KernelCCA
from .kernel_maps import FourierMap as FourierMap
from .kernel_maps import KernelMap as KernelMap
from .linear import LinearCCA as LinearCCA
from .linear import numbers_and_variates as numbers_and_variates
from .linear import singular_views as singular_views
from .moments import PairMoments as PairMoments
