// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Play money for development chains: six decimals like the real euro tokens, so one cent is 10,000 units.
contract TestEuro is ERC20, ERC20Permit {
    /// @notice The only address that creates money.
    address public immutable minter;

    /// @notice Somebody else asked for money.
    error OnlyMinter(address caller);

    /// @param minter_ The only address that creates money.
    constructor(address minter_) ERC20("Test Euro", "tEUR") ERC20Permit("Test Euro") {
        minter = minter_;
    }

    /// @notice Creates money.
    /// @param to Who receives it.
    /// @param amount Token units.
    function mint(address to, uint256 amount) external {
        if (msg.sender != minter) revert OnlyMinter(msg.sender);
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
