// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "../Test.sol";

/// @notice halmos's own cheat codes: values that stand for every value. Parameters of `check_` functions do so already.
interface Svm {
    function createUint256(string calldata name) external pure returns (uint256 value);
    function createUint(uint256 bits, string calldata name) external pure returns (uint256 value);
    function createAddress(string calldata name) external pure returns (address value);
    function createBytes32(string calldata name) external pure returns (bytes32 value);
    function createBytes(uint256 size, string calldata name) external pure returns (bytes memory value);
    function createBool(string calldata name) external pure returns (bool value);
    function createCalldata(string calldata contractName) external pure returns (bytes memory value);
    function enableSymbolicStorage(address account) external;
    function snapshotStorage(address account) external returns (uint256 id);
    function snapshotState() external returns (uint256 id);
}

/// @notice What a set of properties starts from. A property is a function `check_…` that no argument makes fail.
/// @dev `assert` and `vm.assert…` are what halmos refutes; a revert is only a path that ends, so a property whose every
/// path reverts is reported as such and counts as failed.
abstract contract Symbolic is Test {
    /// @dev The address at which halmos answers: the last 20 bytes of keccak256("svm cheat code").
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));
}
