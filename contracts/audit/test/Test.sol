// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "./Vm.sol";

/// @notice What a suite starts from: the cheat codes, numbers in a range, and what an invariant run may call.
/// @dev forge finds a suite by its functions (`setUp`, `test…`, `invariant_…`), not by this type.
abstract contract Test {
    /// @dev The shape forge reads from `targetSelectors`.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev The address at which forge and halmos answer: the last 20 bytes of keccak256("hevm cheat code").
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address[] private _targets;
    address[] private _senders;
    FuzzSelector[] private _selectors;

    /// @dev Invariant runs call every function of `handler` that changes state.
    function _target(address handler) internal {
        _targets.push(handler);
    }

    /// @dev Invariant runs call these functions of `handler` and no other.
    function _target(address handler, bytes4[] memory selectors) internal {
        _targets.push(handler);
        _selectors.push(FuzzSelector(handler, selectors));
    }

    /// @dev Invariant runs call as one of the senders so named.
    function _sender(address sender) internal {
        _senders.push(sender);
    }

    /// @dev A number of [low, high] that follows from `x`; `x` itself where it lies within.
    function _bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        if (x >= low && x <= high) return x;
        uint256 size = high - low;
        return size == type(uint256).max ? x : low + (x % (size + 1));
    }

    /// @notice Asked by forge before an invariant run.
    function targetContracts() external view returns (address[] memory) {
        return _targets;
    }

    /// @notice Asked by forge before an invariant run.
    function targetSelectors() external view returns (FuzzSelector[] memory) {
        return _selectors;
    }

    /// @notice Asked by forge before an invariant run; none means any.
    function targetSenders() external view returns (address[] memory) {
        return _senders;
    }
}
