// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AgreementCore} from "./AgreementCore.sol";
import {Terms} from "./types/AgreementTypes.sol";

/// @title Manufacturer and supplier, under a delivery agreement.
contract SupplyAgreement is AgreementCore {
    /// @notice A supply has no supplies of its own to spend an advance on.
    error NothingToFund(uint256 spent);

    constructor(address factory_, address feeReceiver_) AgreementCore(factory_, feeReceiver_) {}

    /// @inheritdoc AgreementCore
    function open(Terms calldata terms, uint256 spent) public override {
        if (spent != 0) revert NothingToFund(spent);
        super.open(terms, spent);
    }
}
